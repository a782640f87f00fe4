"""The refusals of the showcase. Each class is a fact; its text is what the person who asked is told.

`app.api.errors` maps the groups to status codes; the rules know nothing of HTTP.
"""


class ShowcaseError(Exception):
    """Something the rules refuse."""

    message = ""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.message)

    @property
    def text(self) -> str:
        """What the person who asked is told."""
        return str(self.args[0])


class RuleBroken(ShowcaseError):
    """The request is well formed, but a rule says no."""


class NotSignedIn(ShowcaseError):
    """Nobody, or not who they claim to be."""

    message = "Could not validate credentials"


class NotAllowed(ShowcaseError):
    """Somebody, but not the owner."""

    message = "Not authorized to access this video"


class NotFound(ShowcaseError):
    """There is no such thing, or it is not for the public."""


class IdempotencyKeyReused(ShowcaseError):
    """The key was used before with another body."""

    message = "Idempotency-Key was already used with a different request; send a new key."


class Busy(ShowcaseError):
    """The platform is at a bound of its own; later it will do."""


class QueueFull(Busy):
    """As many clips wait for a worker as may wait."""

    message = "Hay demasiados videos en espera de procesamiento; inténtalo de nuevo en unos minutos."


class PasswordsDiffer(RuleBroken):
    """password1 and password2 are not the same."""

    message = "Passwords do not match: las contraseñas no coinciden."


class EmailTaken(RuleBroken):
    """There is an account with this e-mail."""

    message = "Email already registered: el email ya se encuentra registrado."


class VerificationCityTooOrdinary(RuleBroken):
    """A city that players may have, for an account that no player must see."""

    message = 'The city of a verification account must begin with "Verification ".'


class InvalidCredentials(NotSignedIn):
    """Unknown e-mail or wrong password: nobody is told which."""

    message = "Invalid credentials. Email o contraseña incorrectos"


class InvalidClipType(RuleBroken):
    """The file is not an MP4 with a video track."""

    message = "Tipo de archivo inválido. Sube un video MP4 completo y reproducible."


class ClipTooLarge(RuleBroken):
    """More bytes than a clip may have."""

    message = "El archivo supera el tamaño máximo de 100 MB (104857600 bytes)."


class ClipDurationOutOfRange(RuleBroken):
    """The video track is too short or too long."""

    message = "La duración del video debe estar entre 20 y 60 segundos."


class ClipResolutionTooLow(RuleBroken):
    """Less than 1080p in one of its sides."""

    message = "La resolución mínima es 1080p: lado menor de al menos 1080 px y lado mayor de al menos 1920 px."


class ClipResolutionTooHigh(RuleBroken):
    """A side longer than any phone makes."""

    message = "La resolución máxima es de 8192 px por lado."


class BlankTitle(RuleBroken):
    """A title of spaces."""

    message = "El título del video no puede estar vacío"


class TitleTooLong(RuleBroken):
    """More characters than a title may have."""

    message = "El título del video no puede superar 200 caracteres"


class TitleNotText(RuleBroken):
    """Control characters, which no database and no page should have to bear."""

    message = "El título del video contiene caracteres no permitidos"


class TitleChangesDirection(RuleBroken):
    """Bidirectional overrides, embeddings or isolates: a page would show another title."""

    message = (
        "El título del video contiene caracteres que cambian la dirección del texto "
        "(U+202A a 202E, U+2066 a 2069); quítalos."
    )


class VideoNotFound(NotFound):
    """No such video, or its owner deleted it."""

    message = "Video not found"


class PublicVideoNotFound(NotFound):
    """No video that the public may see and vote for."""

    message = "Video not found or has been deleted"


class VideoAlreadyPublished(RuleBroken):
    """The public may already have voted."""

    message = "El video ya fue publicado para votación y no puede eliminarse."


class VideoNotProcessed(RuleBroken):
    """There is no result yet."""

    message = "El video aún no ha sido procesado"


class AlreadyVoted(RuleBroken):
    """One account, one vote per video."""

    message = "Ya has votado por este video."


class OwnVideo(RuleBroken):
    """The league does not allow voting for oneself."""

    message = "No puedes votar por tu propio video."


class VoteNotFound(NotFound):
    """There is nothing to withdraw."""

    message = "Vote not found: no has votado por este video."


class UnknownCursor(RuleBroken):
    """A paging cursor this platform did not make."""

    message = "Invalid cursor; follow the Link header of the previous page."


class AccountNotFound(NotFound):
    """No account with this id or e-mail."""


class BurstNotFound(NotFound):
    """No crowd of new accounts that is called so."""


class JobNotFound(NotFound):
    """No job with this id, nor of a video with it."""

    message = "No such job. `rising-stars jobs list` shows them all."


class JobNotRetryable(RuleBroken):
    """Only what has ended without a result can be tried again."""


class JobNotCancellable(RuleBroken):
    """Only what has not ended can be cancelled."""
