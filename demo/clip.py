"""Generate a clip with sound for the demo: a basketball is dribbled and shot, and drops through the hoop.

The clip is drawn with FFmpeg's own filters, so it needs neither a font nor a download.
"""

import subprocess
from pathlib import Path

from app.media.ffmpeg import find_ffmpeg

WIDTH, HEIGHT, RATE = 1920, 1080, 30
PLAY_SECONDS = 6
"""The length of the scene, which repeats: dribbles, a shot at 2.7 s, the hoop at 4.0 s, and an exit to the right."""

BALL = 116
FLOOR_TOP = 905 - BALL
"""The y coordinate of the ball's upper edge while the ball touches the floor."""
HOOP_X, HOOP_Y = 1490, 396
"""The position of the ball's upper left corner in the hoop."""

_U = f"mod(t,{PLAY_SECONDS})"


def make_basketball_clip(path: Path, seconds: int = 22) -> None:
    """Write a 1920x1080 MP4 with sound. This takes a few seconds.

    Raises:
        FfmpegMissing: FFmpeg is not installed.
        subprocess.CalledProcessError: FFmpeg failed; the reason is on standard error.
    """
    command = [
        *(str(find_ffmpeg(None)), "-nostdin", "-v", "error", "-y"),
        *("-filter_complex", f"{_picture()};{_sound()}"),
        *("-map", "[picture]", "-map", "[sound]", "-t", str(seconds)),
        *("-c:v", "libx264", "-preset", "ultrafast", "-crf", "23", "-pix_fmt", "yuv420p"),
        *("-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart", "-f", "mp4", str(path)),
    ]
    subprocess.run(command, check=True)


def _picture() -> str:
    """Return the filter graph of the picture. To save time, each element is drawn once, looped and overlaid."""
    return ";".join(
        [
            f"{_canvas(WIDTH, HEIGHT)},{_arena()},{_hoop()},format=yuv420p,{_looped()}[arena]",
            f"{_canvas(BALL, BALL)},{_ball()},{_looped()},rotate=a=5*t:c=none[ball]",
            f"{_canvas(180, 26)},{_shadow()},{_looped()}[shadow]",
            f"{_canvas(136, 150)},{_net()},{_looped()}[net]",
            f"[arena][shadow]overlay=x='{_ball_x()}-32':y=892:eval=frame[ground]",
            f"[ground][ball]overlay=x='{_ball_x()}':y='{_ball_y()}':eval=frame[play]",
            "[play][net]overlay=x=1480:y=446,format=yuv420p[picture]",
        ]
    )


def _canvas(width: int, height: int) -> str:
    return f"color=c=black:size={width}x{height}:rate={RATE},trim=end_frame=1,format=rgba"


def _looped() -> str:
    return f"loop=loop=-1:size=1,setpts=N/{RATE}/TB"


def _arena() -> str:
    """Return the filters that draw stands with a crowd and two floodlights, and a floor of planks."""
    light = "exp(-hypot(X-{x},Y+60)/300)"
    crowd = "between(Y,190,560)*(between(mod(Y,38),8,28))*between(mod(X+19*mod(floor(Y/38),2),44),8,34)"
    tint = "(0.4+0.6*mod(floor(X/44)*7+floor(Y/38)*13,10)/10)"
    glow = f"(150*({light.format(x=430)}+{light.format(x=1400)}))"
    plank = "(1-0.07*mod(floor((X+37*floor((Y-640)/44))/230),3)-0.25*lt(mod(Y-640,44),2))"
    floor_light = "(0.72+0.5*exp(-hypot((X-1000)/900,(Y-860)/200)))"
    channels = {
        "r": (f"14+{glow}*0.8+70*{crowd}*{tint}", f"196*{plank}*{floor_light}"),
        "g": (f"18+{glow}*0.85+46*{crowd}*(1.3-{tint})", f"128*{plank}*{floor_light}"),
        "b": (f"46+{glow}+80*{crowd}*(1.2-{tint})", f"66*{plank}*{floor_light}"),
    }
    parts = [f"{name}='min(255,if(lt(Y,640),{wall},{floor}))'" for name, (wall, floor) in channels.items()]
    boards = "drawbox=x=0:y=600:w=iw:h=40:color=0x1a2c6b:t=fill,drawbox=x=0:y=596:w=iw:h=5:color=0xff8a1f:t=fill"
    lines = "drawbox=x=0:y=700:w=iw:h=6:color=white@0.8:t=fill,drawbox=x=0:y=1010:w=iw:h=9:color=white@0.85:t=fill"
    return f"geq={':'.join(parts)}:a=255,{boards},{lines}"


def _hoop() -> str:
    """Return the filters that draw the post, the backboard from the side, and the rim."""
    boxes = [
        (1740, 300, 34, 640, "0x30384f"),
        (1650, 380, 110, 22, "0x30384f"),
        (1628, 210, 24, 270, "white"),
        (1628, 210, 24, 8, "0xd02a2a"),
        (1628, 472, 24, 8, "0xd02a2a"),
        (1480, 440, 150, 12, "0xff5a1f"),
    ]
    return ",".join(f"drawbox=x={x}:y={y}:w={w}:h={h}:color={colour}:t=fill" for x, y, w, h, colour in boxes)


def _ball() -> str:
    """Return the filter that draws a shaded orange disc with four seams."""
    middle, radius = BALL / 2, BALL / 2 - 2
    distance = f"hypot(X-{middle},Y-{middle})"
    shade = f"(1.12-0.62*hypot(X-{middle * 0.72:g},Y-{middle * 0.66:g})/{BALL})"
    seams = [
        f"lt(abs(X-{middle}),2.4)",
        f"lt(abs(Y-{middle}),2.4)",
        f"lt(abs(hypot(X+{BALL * 0.28:g},Y-{middle})-{BALL * 0.52:g}),2.4)",
        f"lt(abs(hypot(X-{BALL * 1.28:g},Y-{middle})-{BALL * 0.52:g}),2.4)",
    ]
    skin = f"(1-0.8*min(1,{'+'.join(seams)}))"
    colours = ":".join(
        f"{name}='min(255,{value}*{shade}*{skin})'" for name, value in (("r", 238), ("g", 116), ("b", 34))
    )
    return f"geq={colours}:a='255*clip({radius}-{distance},0,1)'"


def _shadow() -> str:
    return "geq=r=0:g=0:b=0:a='150*max(0,1-hypot((X-90)/90,(Y-13)/13))'"


def _net() -> str:
    """Return the filter that draws a white mesh that narrows towards the floor."""
    inside = "between(X,4+Y*0.22,132-Y*0.22)"
    mesh = "max(lt(mod(X+Y*0.8+400,24),3),lt(mod(X-Y*0.8+400,24),3))"
    return f"geq=r=245:g=245:b=245:a='225*{inside}*{mesh}'"


def _ball_x() -> str:
    shot = f"680+({HOOP_X}-680)*({_U}-2.7)/1.3"
    away = f"{HOOP_X}+470*({_U}-4.7)"
    return f"if(lt({_U},2.7),-160+840*{_U}/2.7,if(lt({_U},4),{shot},if(lt({_U},4.7),{HOOP_X},{away})))"


def _ball_y() -> str:
    dribble = f"{FLOOR_TOP}-1320*(mod({_U},0.6)/0.6)*(1-mod({_U},0.6)/0.6)"
    part = f"(({_U}-2.7)/1.3)"
    shot = f"{FLOOR_TOP - 330}+({HOOP_Y}-{FLOOR_TOP - 330})*{part}-1280*{part}*(1-{part})"
    drop = f"{HOOP_Y}+({FLOOR_TOP}-{HOOP_Y})*(0.35*({_U}-4)/0.7+0.65*pow(({_U}-4)/0.7,2))"
    hop = f"(mod({_U}-4.7,0.65)/0.65)"
    away = f"{FLOOR_TOP}-900*{hop}*(1-{hop})"
    return f"if(lt({_U},2.7),{dribble},if(lt({_U},4),{shot},if(lt({_U},4.7),{drop},{away})))"


def _sound() -> str:
    """Return the filter graph of the sound: a thud for each bounce, the net's swish, and a crowd that cheers."""
    since_bounce = f"if(lt({_U},2.7),mod({_U},0.6),if(lt({_U},4.7),9,mod({_U}-4.7,0.65)))"
    thud = f"0.7*sin(2*PI*92*({since_bounce}))*exp(-17*({since_bounce}))"
    slap = f"0.25*(random(0)-0.5)*exp(-60*({since_bounce}))"
    swish = f"0.35*(random(1)-0.5)*between({_U},4,4.4)*exp(-9*({_U}-4))"
    cheer = f"0.25+gte({_U},4)*exp(-1.1*({_U}-4))"
    return ";".join(
        [
            f"aevalsrc='{thud}+{slap}+{swish}':s=48000:c=mono[ball_sound]",
            f"anoisesrc=color=pink:amplitude=0.25:sample_rate=48000:seed=7,volume='{cheer}':eval=frame[crowd]",
            "[ball_sound][crowd]amix=inputs=2:normalize=0,aformat=channel_layouts=stereo[sound]",
        ]
    )
