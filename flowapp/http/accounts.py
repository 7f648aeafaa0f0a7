"""Sign-in by allauth, fitted to Flowapp: nobody signs up by themselves, and second factors are stored encrypted."""

from base64 import urlsafe_b64encode
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.models import EmailAddress
from allauth.mfa.adapter import DefaultMFAAdapter
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.http import HttpRequest

from flowapp.tenancy.models import User


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """People get accounts by being added to a workspace."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_user_display(self, user: Any) -> str:
        return str(user)


class MFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]
    """TOTP secrets and recovery seeds are encrypted at rest."""

    def encrypt(self, text: str) -> str:
        return _box().encrypt(text.encode()).decode()

    def decrypt(self, encrypted_text: str) -> str:
        return _box().decrypt(encrypted_text.encode()).decode()


def confirm_address(user: User) -> None:
    """Take a person's address as theirs, without a mail: for people whom an operator or the demo makes."""
    EmailAddress.objects.update_or_create(user=user, email=user.email, defaults={"verified": True, "primary": True})


def _box() -> MultiFernet:
    def derive(secret: str) -> Fernet:
        key = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"flowapp second factors").derive(secret.encode())
        return Fernet(urlsafe_b64encode(key))

    return MultiFernet([derive(secret) for secret in settings.FLOWAPP_ENCRYPTION_KEYS])
