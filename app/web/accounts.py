"""/signup, /signin, /signout: accounts and the browser's session."""

from collections.abc import Iterator
from urllib.parse import urlencode
from uuid import UUID, uuid4

from bottle import HTTPResponse, request

from app.http.credentials import check_credentials
from app.http.errors import TooManyRequests
from app.http.identity import (
    expired_session_cookie,
    find_browser_member,
    has_session_cookie,
    read_browser_member,
    session_cookie,
)
from app.http.limits import SIGN_UPS
from app.http.request_schemas import LoginBody, SignUpBody
from app.http.requests import IDEMPOTENCY_KEY, client_address
from app.showcase.accounts import NewAccount
from app.showcase.errors import EmailTaken, IdempotencyKeyReused, InvalidCredentials, PasswordsDiffer
from app.web.failures import SENTENCES, redirect
from app.web.forms import Form, read_form
from app.web.pages import Page, PageDependencies
from app.web.settings import local_path

COOKIES_BLOCKED = "Your browser did not keep the cookie that signs you in. Allow cookies for this site, then try again."
ENDED = "You were signed out, for example on another device. Sign in again; you will return to where you were."


class AccountPages:
    """Sign up, sign in, sign out."""

    def __init__(self, dependencies: PageDependencies) -> None:
        self._dependencies = dependencies

    def pages(self) -> Iterator[Page]:
        """Yield the pages, and the fragment of the navigation that depends on who is signed in."""
        yield Page("GET", "/signup", self.show_sign_up)
        yield Page("POST", "/signup", self.sign_up, form="/signup")
        yield Page("GET", "/signin", self.show_sign_in)
        yield Page("POST", "/signin", self.sign_in, form="/signin")
        yield Page("GET", "/signin/done", self.check_cookie)
        yield Page("GET", "/signout", self.show_sign_out)
        yield Page("POST", "/signout", self.sign_out, form="/signout")
        yield Page("POST", "/signout/everywhere", self.sign_out_everywhere, form="/signout")
        yield Page("GET", "/fragments/account", self.show_account)

    def show_sign_up(self) -> HTTPResponse:
        """Show the form."""
        return self._sign_up_page(Form({"next": local_path(request.query.get("next")), "key": str(uuid4())}))

    def sign_up(self) -> HTTPResponse:
        """Create an account and sign its owner in."""
        form = read_form()
        body = form.read(SignUpBody)
        if body is None:
            return self._sign_up_page(form)
        try:
            self._dependencies.count((SIGN_UPS, client_address()))
            account = NewAccount(**body.model_dump(), address=client_address())
            key = form.values.get("key", "")
            user = self._dependencies.accounts.register(
                account, idempotency_key=key if IDEMPOTENCY_KEY.fullmatch(key) else None
            )
        except PasswordsDiffer as error:
            form.add_problem("password2", error.text)
        except (EmailTaken, IdempotencyKeyReused):
            form.add_problem("email", EmailTaken.message)
        except TooManyRequests:
            form.add_problem("", SENTENCES[429])
        else:
            return self._signed_in(UUID(str(user.id)), form)
        return self._sign_up_page(form)

    def show_sign_in(self) -> HTTPResponse:
        """Show the form. If the browser's session has ended, say so."""
        form = Form({"next": local_path(request.query.get("next"))})
        if has_session_cookie() and find_browser_member(self._dependencies.sessions) is None:
            form.add_problem("", ENDED)
        return self._dependencies.renderer.page("signin.html", form=form)

    def sign_in(self) -> HTTPResponse:
        """Sign in."""
        form = read_form()
        body = form.read(LoginBody)
        if body is None:
            return self._sign_in_page(form)
        try:
            user_id = check_credentials(self._dependencies, body.email, body.password)
            return self._signed_in(user_id, form)
        except InvalidCredentials as error:
            form.add_problem("", error.text)
        except TooManyRequests:
            form.add_problem("", SENTENCES[429])
        return self._sign_in_page(form)

    def check_cookie(self) -> HTTPResponse:
        """Continue where the visitor came from, if the browser kept the cookie."""
        after = local_path(request.query.get("next"))
        if find_browser_member(self._dependencies.sessions):
            return redirect(after)
        form = Form({"next": after})
        form.add_problem("", COOKIES_BLOCKED)
        return self._sign_in_page(form)

    def show_sign_out(self) -> HTTPResponse:
        """Ask whether to sign out here or everywhere."""
        read_browser_member(self._dependencies.sessions)
        return self._dependencies.renderer.page("signout.html")

    def sign_out(self) -> HTTPResponse:
        """End the browser's session."""
        member = find_browser_member(self._dependencies.sessions)
        if member is not None:
            self._dependencies.sessions.sign_out(member)
        return redirect("/", expired_session_cookie())

    def sign_out_everywhere(self) -> HTTPResponse:
        """End all sessions of the account."""
        self._dependencies.sessions.sign_out_everywhere(read_browser_member(self._dependencies.sessions))
        return redirect("/", expired_session_cookie())

    def show_account(self) -> HTTPResponse:
        """Show the part of the navigation that depends on who is signed in."""
        member = find_browser_member(self._dependencies.sessions)
        return self._dependencies.renderer.page("fragments/account.html", is_signed_in=member is not None)

    def _signed_in(self, user_id: UUID, form: Form) -> HTTPResponse:
        token = self._dependencies.sessions.open_for_browser(user_id)
        after = urlencode({"next": local_path(form.values.get("next"))})
        return redirect(f"/signin/done?{after}", session_cookie(token, self._dependencies.sessions))

    def _sign_up_page(self, form: Form) -> HTTPResponse:
        return self._form_page("signup.html", form)

    def _sign_in_page(self, form: Form) -> HTTPResponse:
        return self._form_page("signin.html", form)

    def _form_page(self, template: str, form: Form) -> HTTPResponse:
        return self._dependencies.renderer.page(template, status=400 if form.problems else 200, form=form)
