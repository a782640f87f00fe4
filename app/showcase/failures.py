"""The sentences that explain to a player why a clip failed or lost its sound. The codes are part of the API contract.

Operators see the technical detail of a failure in the ledger.
"""

from app.media.errors import Reason

SOUND_UNUSABLE = "sound_unusable"

FAILURES = {
    "unreadable_clip": (
        "No pudimos leer las imágenes del video: el archivo está dañado o su formato no es compatible. "
        "Sube el archivo original de tu teléfono o cámara, sin pasarlo por una aplicación de mensajería."
    ),
    "pictures_missing": (
        "Al video le faltan imágenes: terminan antes de lo que indica el archivo. "
        "Comprueba que se reproduce hasta el final, cópialo o grábalo de nuevo y súbelo otra vez."
    ),
    "original_missing": "El archivo original ya no está disponible. Súbelo otra vez.",
    "render_timed_out": (
        "El video exige demasiado tiempo de procesamiento. "
        "Grábalo en 1080p o 4K, a 30 o 60 imágenes por segundo, y súbelo otra vez."
    ),
    "render_killed": "El procesamiento del video se interrumpió varias veces. Súbelo otra vez.",
    "poison": (
        "El video hizo fallar el procesamiento varias veces. "
        "Sube el archivo original de tu teléfono o cámara; si es ese, avisa a la organización."
    ),
    "cancelled": "La organización canceló el procesamiento del video.",
    "rejected": "La organización revisó el video y decidió no publicarlo.",
    "hidden": "La organización retiró el video. No es visible para el público.",
    "internal_error": "Ocurrió un error al procesar el video. La organización puede reintentarlo.",
}

NOTICES = {
    SOUND_UNUSABLE: (
        "No pudimos usar el sonido del video: ninguna de sus pistas de audio tiene un formato compatible. "
        "El video se procesó sin sonido. Si lo necesitas, grábalo con sonido AAC y súbelo otra vez."
    ),
}
"""The sentence for each part of a clip, for example the sound, that could not be used in the result."""

_INVALID = "Tipo de archivo inválido. "
_REFUSALS = {
    Reason.QUICKTIME: "Es un MOV de QuickTime; guárdalo como MP4 y súbelo otra vez.",
    Reason.INCOMPLETE: (
        "Al video MP4 le falta una parte: la grabación o la copia no terminó. "
        "Cópialo de nuevo y comprueba que se reproduce hasta el final."
    ),
    Reason.NO_VIDEO: "El archivo no contiene imágenes. Sube un video MP4 completo y reproducible.",
    Reason.CODEC: "El formato de sus imágenes no es compatible. Graba o guarda el video en H.264 o HEVC.",
    Reason.ENCRYPTED: "El video está protegido contra copia y no se puede procesar.",
}
_REFUSED = "Sube un video MP4 completo y reproducible."


def explain(code: str) -> str:
    """Return the message that the player sees for a failure code."""
    return FAILURES.get(code, FAILURES["internal_error"])


def refusal(reason: Reason) -> str:
    """Return the sentence for a file that is rejected at upload."""
    return _INVALID + _REFUSALS.get(reason, _REFUSED)
