"""The platform's worker, with the nemesis' shim in front of its launcher of FFmpeg."""

from faults.shim import install_shim
from tasks.worker import main

if __name__ == "__main__":
    install_shim()
    main()
