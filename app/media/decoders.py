"""The formats that the platform decodes: one list for both the probe and FFmpeg.

Keys are MediaInfo's names of formats; values are the names of the decoders in FFmpeg 5.1 and 9.

To analyse a file, FFmpeg opens a decoder for every stream, even if the stream is not used. Formats that no camera,
phone or editor writes into an MP4 are left out, because they would only expose more code to a hostile file.
"""

VIDEO_DECODERS: dict[str, tuple[str, ...]] = {
    "AVC": ("h264",),
    "HEVC": ("hevc",),
    "AV1": ("libdav1d", "libaom-av1", "av1"),
    "VP8": ("vp8", "libvpx"),
    "VP9": ("vp9", "libvpx-vp9"),
    "MPEG-4 Visual": ("mpeg4",),
    "MPEG Video": ("mpeg2video", "mpeg1video", "mpegvideo"),
    "H.263": ("h263",),
    "JPEG": ("mjpeg",),
    "ProRes": ("prores",),
}

PCM_DECODERS = tuple(
    f"pcm_{coding}"
    for coding in ("s16le", "s16be", "s24le", "s24be", "s32le", "s32be", "f32le", "f32be", "f64le", "f64be", "u8", "s8")
)

AUDIO_DECODERS: dict[str, tuple[str, ...]] = {
    "AAC": ("aac",),
    "AC-3": ("ac3",),
    "E-AC-3": ("eac3",),
    "ALAC": ("alac",),
    "AMR": ("amrnb", "amrwb", "libopencore_amrnb", "libopencore_amrwb"),
    "DTS": ("dca",),
    "FLAC": ("flac",),
    "MPEG Audio": ("mp3float", "mp3", "mp2float", "mp2", "mp1float", "mp1"),
    "Opus": ("opus", "libopus"),
    "PCM": PCM_DECODERS,
    "Vorbis": ("vorbis", "libvorbis"),
}
"""The spatial audio formats of some phones (APAC, MPEG-H) are not listed, because FFmpeg cannot decode them."""

DECODABLE_VIDEO, DECODABLE_AUDIO = frozenset(VIDEO_DECODERS), frozenset(AUDIO_DECODERS)

CODEC_WHITELIST = ",".join(
    name for decoders in (VIDEO_DECODERS, AUDIO_DECODERS) for names in decoders.values() for name in names
)
"""The value of FFmpeg's `-codec_whitelist`."""
