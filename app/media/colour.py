"""The colour space of a clip: MediaInfo's names mapped to FFmpeg's, and defaults for missing values.

For HEVC, FFmpeg ignores colour tags that only the container has, and its scaler then assumes BT.601. So every frame is
tagged explicitly before any filter uses its colours.

Source of the numbers behind the names: ITU-T H.273, tables 2 (primaries), 3 (transfer) and 4 (matrix).
"""

from dataclasses import dataclass

HDR_TRANSFERS = {"PQ": "smpte2084", "HLG": "arib-std-b67"}

_PRIMARIES = {
    "BT.709": "bt709",
    "BT.470 System M": "bt470m",
    "BT.601 PAL": "bt470bg",
    "BT.601 NTSC": "smpte170m",
    "SMPTE 240M": "smpte240m",
    "Generic film": "film",
    "BT.2020": "bt2020",
    "XYZ": "smpte428",
    "DCI P3": "smpte431",
    "Display P3": "smpte432",
    "EBU Tech 3213": "ebu3213",
}
_TRANSFERS = {
    **HDR_TRANSFERS,
    "BT.709": "bt709",
    "BT.470 System M": "bt470m",
    "BT.470 System B/G": "bt470bg",
    "BT.601": "smpte170m",
    "SMPTE 240M": "smpte240m",
    "Linear": "linear",
    "xvYCC": "iec61966-2-4",
    "sRGB/sYCC": "iec61966-2-1",
    "BT.2020 (10-bit)": "bt2020-10",
    "BT.2020 (12-bit)": "bt2020-12",
}
_MATRICES = {
    "Identity": "gbr",
    "BT.709": "bt709",
    "FCC 73.682": "fcc",
    "BT.470 System B/G": "bt470bg",
    "BT.601": "smpte170m",
    "SMPTE 240M": "smpte240m",
    "YCgCo": "ycgco",
    "BT.2020 non-constant": "bt2020nc",
    "BT.2020 constant": "bt2020c",
}
_FULL_RANGE = {"Limited": False, "Full": True}


@dataclass(frozen=True, slots=True)
class Colour:
    """The four properties that define which colours the samples stand for, under FFmpeg's names."""

    primaries: str = "bt709"
    transfer: str = "bt709"
    matrix: str = "bt709"
    full_range: bool | None = None
    """None if the clip states no range. Then the pixel format decides: yuvj420p is full, all others limited."""

    @property
    def hdr(self) -> bool:
        """Whether the transfer function is PQ or HLG."""
        return self.transfer in HDR_TRANSFERS.values()


BT709 = Colour()


def colour_of(facts: dict[str, str]) -> Colour:
    """Return the colour space of a video track, with defaults for missing and unknown values.

    The default is BT.2020 for HDR (ITU-R BT.2100) and BT.709 otherwise, as video players assume for HD.

    Args:
        facts: MediaInfo's fields of the track.
    """
    transfer = _TRANSFERS.get(facts.get("transfer_characteristics", ""), "bt709")
    hdr = transfer in HDR_TRANSFERS.values()
    return Colour(
        primaries=_PRIMARIES.get(facts.get("color_primaries", ""), "bt2020" if hdr else "bt709"),
        transfer=transfer,
        matrix=_MATRICES.get(facts.get("matrix_coefficients", ""), "bt2020nc" if hdr else "bt709"),
        full_range=_FULL_RANGE.get(facts.get("color_range", "")),
    )
