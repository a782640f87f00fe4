"""Why a clip did not make it, in words for its player. Codes are a contract; operators see the detail."""

MESSAGES = {
    "unreadable_clip": "No pudimos leer el video. Expórtalo de nuevo como MP4 y súbelo otra vez.",
    "original_missing": "El archivo original ya no está disponible. Súbelo otra vez.",
    "render_timed_out": "El video tardó demasiado en procesarse. Expórtalo de nuevo y súbelo otra vez.",
    "render_killed": "El procesamiento del video se interrumpió varias veces. Súbelo otra vez.",
    "poison": "El video hace fallar el procesamiento. Expórtalo de nuevo como MP4 y súbelo otra vez.",
    "cancelled": "La organización canceló el procesamiento del video.",
    "rejected": "La organización revisó el video y decidió no publicarlo.",
    "hidden": "La organización retiró el video. No es visible para el público.",
    "internal_error": "Ocurrió un error al procesar el video. La organización puede reintentarlo.",
}


def explain(code: str) -> str:
    """The sentence for a reason code."""
    return MESSAGES.get(code, MESSAGES["internal_error"])
