"""The platform's worker, with the nemesis' shim in front of its launcher of FFmpeg."""

from tasks.worker import main
from tests.faults.shim import install_shim

if __name__ == "__main__":
    install_shim()
    main()
