"""The platform's worker, which starts FFmpeg through the nemesis's shim."""

from faults.shim import install_shim
from tasks.worker import main

if __name__ == "__main__":
    install_shim()
    main()
