"""The module that reads the end of an instance's console output (plugins/modules/console_output.py)."""

from typing import Any

from botocore.exceptions import ClientError

from plugins.modules.console_output import last_lines, read


class OlderInstanceType:
    """An EC2 client that, like AWS for types that are not built on Nitro, refuses `Latest`."""

    def get_console_output(self, **asked: Any) -> dict[str, str]:
        if "Latest" in asked:
            raise ClientError({"Error": {"Code": "UnsupportedOperation"}}, "GetConsoleOutput")
        return {"Output": f"output of {asked['InstanceId']}"}


def test_the_last_lines_are_plain_text() -> None:
    text = "kernel\r\n\x1b[0;1;31mcloud-init\x1b[0m[600]: Año\r\n\r\n\tfailed: no disk\x07\r\n"
    assert last_lines(text, 2) == ["cloud-init[600]: Año", "failed: no disk"]
    assert last_lines("", 2) == []


def test_an_older_instance_type_returns_the_output_that_it_has() -> None:
    assert read(OlderInstanceType(), "i-1") == "output of i-1"
