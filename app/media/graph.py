"""The filter graph of a render. It decodes the clip once and encodes the result once.

intro.png ─ scale ─ loop ─ fades ───────────────────────────┐
clip ─ 30 fps ─ scale, pad and turn to 16:9 ─ watermark ─ fades ─ concat ─ x264
outro.png ─ scale ─ loop ─ fades ───────────────────────────┘
sound.wav (app.media.sound) ─ gain ─ limiter ─ delay by the intro ─ silence to the end ─ AAC
"""

from app.media.colour import Colour
from app.media.probe import Clip
from app.media.profiles import Profile
from app.media.sound import sound_filters


def filter_graph(clip: Clip, profile: Profile, *, gain_db: float | None, tone_map: bool) -> str:
    """Return the whole graph. Inputs: 0 the clip, 1 the intro, 2 the outro, 3 the watermark, 4 the sound."""
    shown = profile.shown_seconds(clip.duration_seconds)
    chains = [
        _still("[1:v:0]", profile, profile.intro_seconds, "[intro]"),
        _still("[2:v:0]", profile, profile.outro_seconds, "[outro]"),
        _chain("[3:v:0]", [f"scale={_scaled(profile, 'iw')}:-1:{_TO_BT709}", "format=yuva420p"], "[mark]"),
        _chain(f"[0:i:{clip.picture_track}]", _fitted_picture(clip, profile, tone_map=tone_map), "[fitted]"),
        _chain("[fitted][mark]", ["overlay=x=W-w:y=H-h:format=yuv420", *_fades(profile, shown)], "[clip]"),
        _chain("[intro][clip][outro]", ["concat=n=3:v=1:a=0", _BT709_TAGS], "[video]"),
    ]
    if gain_db is not None:
        chains.append(_chain("[4:a:0]", sound_filters(clip, profile, gain_db), "[audio]"))
    return ";".join(chains)


_BT709_TAGS = "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"
_TO_BT709 = "out_color_matrix=bt709:out_range=tv"


def _fitted_picture(clip: Clip, profile: Profile, *, tone_map: bool) -> list[str]:
    """Return the filters that fit the clip to the profile: frame rate, length, size with bars, rotation, 8-bit BT.709.

    The rate filter precedes the scaler, so that frames of a 240 fps clip are dropped before they are scaled. The trim
    follows the rate filter, so that a frame that lasts beyond the end of the shown part is cut there. Size and bars are
    computed for each frame, except that tone mapping needs a constant size.
    """
    shown = profile.shown_seconds(clip.duration_seconds)
    turned = clip.orientation.swaps_sides
    width, height = (profile.height, profile.width) if turned else (profile.width, profile.height)
    shape = f"{width}/{height}"
    across = f"if(gte(dar,{shape}),{width},2*max(1,round({height}*dar/2)))"
    down = f"if(gte(dar,{shape}),2*max(1,round({width}/dar/2)),{height})"
    # Tone mapping is expensive, so it precedes the padding, whose pixels do not need it. Tone mapping needs a constant
    # size, so the scaler then computes the size once, not for each frame.
    scaled = "eval=init:out_range=tv" if tone_map else f"eval=frame:{_TO_BT709}"
    return [
        *(_deinterlaced(clip) if clip.interlaced else []),
        f"fps={profile.frames_per_second}:start_time=0",
        f"trim=end={shown:.3f}",
        _tagged(clip.colour),
        f"scale=w='{across}':h='{down}':flags=bicubic:{scaled}",
        *(_TONE_MAPPING if tone_map else []),
        "format=yuv420p",
        f"pad={width}:{height}:-1:-1:eval=frame",
        *clip.orientation.filters,
        "setsar=1",
        _BT709_TAGS,
    ]


def _deinterlaced(clip: Clip) -> list[str]:
    """Return the filters that combine each pair of fields into one frame, where the stream declares interlacing.

    The scaler before bwdif only keeps the size constant: the deinterlacer mixes neighbouring frames, so all must have
    one size.
    """
    return [f"scale={clip.width}:{clip.height}", "bwdif=mode=send_frame:deint=interlaced"]


def _tagged(colour: Colour) -> str:
    """Return the filter that sets the frames' colour tags, which the stream may lack."""
    tags = f"color_primaries={colour.primaries}:color_trc={colour.transfer}:colorspace={colour.matrix}"
    ranges = {None: "", False: ":range=tv", True: ":range=pc"}
    return f"setparams={tags}{ranges[colour.full_range]}"


_TONE_MAPPING = [
    "zscale=transfer=linear:npl=203",
    "format=gbrpf32le",
    "zscale=primaries=bt709",
    "tonemap=mobius:desat=0:peak=4.93",
    "zscale=transfer=bt709:range=full",
    "format=gbrp10",
    f"scale={_TO_BT709}",
]
"""Converts HDR to SDR in linear light. Diffuse white is 203 cd/m2 (ITU-R BT.2408); the peak is 1000 cd/m2, 4.93 times
that. The step through integer RGB clips values outside BT.709. Without this step, FFmpeg 5.1 would carry negative
light into the luma and turn a bright orange almost black."""


def _still(source: str, profile: Profile, seconds: float, label: str) -> str:
    """Return the chain that repeats one decoded image at the profile's size and rate."""
    frames = round(seconds * profile.frames_per_second)
    steps = [
        f"scale={profile.width}:{profile.height}:flags=bicubic:{_TO_BT709}",
        "format=yuv420p",
        "setsar=1",
        f"loop=loop={frames - 1}:size=1",
        f"setpts=N/{profile.frames_per_second}/TB",
        f"fps={profile.frames_per_second}",
        _BT709_TAGS,
        *_fades(profile, seconds),
    ]
    return _chain(source, steps, label)


def _fades(profile: Profile, seconds: float) -> list[str]:
    """Return fades from and to black. They process only a few frames, whereas a cross-fade would process all."""
    fade = profile.fade_seconds
    return [f"fade=t=in:st=0:d={fade:g}", f"fade=t=out:st={max(0.0, seconds - fade):.3f}:d={fade:g}"]


def _scaled(profile: Profile, dimension: str) -> str:
    """Return an expression that scales a dimension of the artwork, which is drawn for a video height of 1080."""
    return f"{dimension}*{profile.height}/1080"


def _chain(source: str, filters: list[str], label: str) -> str:
    return f"{source}{','.join(filters)}{label}"
