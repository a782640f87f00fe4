"""The errors of the showcase. Each class is named after what went wrong, not after an HTTP status; users see its text.

`app.http.errors` maps the base classes to status codes, so that the showcase's rules do not depend on HTTP.
"""


class ShowcaseError(Exception):
    """A request that the rules reject."""

    message = ""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or self.message)

    @property
    def text(self) -> str:
        """The message shown to the user."""
        return str(self.args[0])


class RuleBroken(ShowcaseError):
    """The request is well formed, but breaks a rule."""


class NotSignedIn(ShowcaseError):
    """The client has no credentials, or invalid ones."""

    message = "Could not validate credentials"


class NotAllowed(ShowcaseError):
    """The client is signed in, but does not own the video."""

    message = "Not authorized to access this video"


class NotFound(ShowcaseError):
    """The resource does not exist, or is not public."""


class IdempotencyKeyReused(ShowcaseError):
    """The Idempotency-Key was used before with a different body."""

    message = "Idempotency-Key was already used with a different request; send a new key."


class Busy(ShowcaseError):
    """The platform has reached its own limit; the client may try again later."""


class QueueFull(Busy):
    """The maximum number of clips is already waiting for a worker."""

    message = "Hay demasiados videos en espera de procesamiento; inténtalo de nuevo en unos minutos."


class PasswordsDiffer(RuleBroken):
    """password1 and password2 are not the same."""

    message = "Passwords do not match: las contraseñas no coinciden."


class EmailTaken(RuleBroken):
    """An account with this e-mail address exists."""

    message = "Email already registered: el email ya se encuentra registrado."


class VerificationCityTooOrdinary(RuleBroken):
    """The city of a verification account could be a player's city, so that players would see the account."""

    message = 'The city of a verification account must begin with "Verification ".'


class InvalidCredentials(NotSignedIn):
    """The account is unknown or suspended, or the password is wrong. The message does not reveal which."""

    message = "Invalid credentials. Email o contraseña incorrectos"


class InvalidClipType(RuleBroken):
    """The file is not an MP4 with a video track."""

    message = "Tipo de archivo inválido. Sube un video MP4 completo y reproducible."


class ClipTooLarge(RuleBroken):
    """The file is over the size limit."""

    message = "El archivo supera el tamaño máximo de 100 MB (104857600 bytes)."


class ClipDurationOutOfRange(RuleBroken):
    """The video track is too short or too long."""

    message = "La duración del video debe estar entre 20 y 60 segundos."


class ClipResolutionTooLow(RuleBroken):
    """One side of the video is shorter than 1080p requires."""

    message = "La resolución mínima es 1080p: lado menor de al menos 1080 px y lado mayor de al menos 1920 px."


class ClipResolutionTooHigh(RuleBroken):
    """One side of the video is over the limit."""

    message = "La resolución máxima es de 8192 px por lado."


class BlankTitle(RuleBroken):
    """The title has no visible character."""

    message = "El título del video no puede estar vacío"


class TitleTooLong(RuleBroken):
    """The title is over the length limit."""

    message = "El título del video no puede superar 200 caracteres"


class TitleNotText(RuleBroken):
    """The title contains control characters, which databases and web pages may mishandle."""

    message = "El título del video contiene caracteres no permitidos"


class TitleChangesDirection(RuleBroken):
    """The title contains bidirectional overrides, embeddings or isolates, so that a page would show another title."""

    message = (
        "El título del video contiene caracteres que cambian la dirección del texto "
        "(U+202A a 202E, U+2066 a 2069); quítalos."
    )


class VideoNotFound(NotFound):
    """The video does not exist, or its owner deleted it."""

    message = "Video not found"


class PublicVideoNotFound(NotFound):
    """The video does not exist, or is not public."""

    message = "Video not found or has been deleted"


class VideoAlreadyPublished(RuleBroken):
    """The video is published, so the public may already have voted for it."""

    message = "El video ya fue publicado para votación y no puede eliminarse."


class VideoNotProcessed(RuleBroken):
    """The video has no result yet."""

    message = "El video aún no ha sido procesado"


class AlreadyVoted(RuleBroken):
    """The account has already voted for this video."""

    message = "Ya has votado por este video."


class OwnVideo(RuleBroken):
    """The league does not allow votes for one's own video."""

    message = "No puedes votar por tu propio video."


class VoteNotFound(NotFound):
    """The account has no vote to withdraw."""

    message = "Vote not found: no has votado por este video."


class UnknownCursor(RuleBroken):
    """The platform did not issue this paging cursor."""

    message = "Invalid cursor; follow the Link header of the previous page."


class AccountNotFound(NotFound):
    """No account has this id or e-mail address."""


class BurstNotFound(NotFound):
    """No burst of sign-ups has this name."""


class JobNotFound(NotFound):
    """No job has this id, and no video with this id has a job."""

    message = "No such job. `rising-stars jobs list` shows them all."


class JobNotRetryable(RuleBroken):
    """The job is unfinished, has a result, or belongs to a deleted video, so it cannot be retried."""


class JobNotCancellable(RuleBroken):
    """The job has ended, so it cannot be cancelled."""
