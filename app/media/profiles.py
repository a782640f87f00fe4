"""The two render profiles, which define the properties of a finished video."""

from dataclasses import dataclass, replace

from app.config import ProfileName


@dataclass(frozen=True, slots=True)
class Profile:
    """The target of a render. Sizes are in pixels, rates in bits per second."""

    name: ProfileName
    width: int
    height: int
    keeps_audio: bool
    max_bit_rate: int
    """The maximum bit rate over two seconds (VBV). It ensures that even a clip of pure noise can be streamed
    and fits on the disk."""
    preset: str = "medium"
    crf: int = 23
    frames_per_second: int = 30
    clip_seconds: float = 30.0
    """The maximum length of the player's clip in the result; the rest is cut off."""
    intro_seconds: float = 2.5
    outro_seconds: float = 2.5
    fade_seconds: float = 0.4
    loudness_lufs: float = -16.0
    """Integrated loudness (EBU R128) of the sound."""
    audio_bit_rate: int = 160_000

    def shown_seconds(self, clip_seconds: float) -> float:
        """Return how many seconds of a clip of this length are shown."""
        return min(clip_seconds, self.clip_seconds)

    def result_seconds(self, clip_seconds: float) -> float:
        """Return the length of the finished video for a clip of this length."""
        return self.intro_seconds + self.shown_seconds(clip_seconds) + self.outro_seconds


PROFILES = {
    ProfileName.BROADCAST: Profile(
        name=ProfileName.BROADCAST, width=1920, height=1080, keeps_audio=True, max_bit_rate=12_000_000
    ),
    ProfileName.LITE: Profile(name=ProfileName.LITE, width=1280, height=720, keeps_audio=False, max_bit_rate=6_000_000),
}


def profile_for(name: ProfileName, *, preset: str | None) -> Profile:
    """Return the profile with this name; `preset`, if given, replaces its x264 preset."""
    profile = PROFILES[name]
    return replace(profile, preset=preset) if preset else profile
