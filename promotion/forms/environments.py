"""The form of an environment: checks the shape of everything before a worker tries it out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from django import forms
from django.forms.models import model_to_dict
from django.forms.utils import ErrorDict

from promotion.domain.connection import KafkaConnection, RegistryAuth, Security, SubjectStrategy
from promotion.domain.keys import Tenancy
from promotion.domain.secret import SECRETS, Secret, variable_name
from promotion.errors import InvalidInput
from promotion.kafka.registry import registry_url
from promotion.kafka.settings import bootstrap_servers, certificates_pem, client_settings, topic_name
from promotion.models import Environment
from promotion.models.environment import SchemaSource

#: What the page says for a value of a choice.
LABELS: dict[str, dict[str, str]] = {
    "security": {
        Security.PLAINTEXT: "Plaintext (not protected)",
        Security.TLS: "TLS",
        Security.MUTUAL_TLS: "Mutual TLS (client certificate)",
        Security.SASL_PLAIN: "SASL PLAIN",
        Security.SASL_SCRAM_256: "SASL SCRAM-SHA-256",
        Security.SASL_SCRAM_512: "SASL SCRAM-SHA-512",
    },
    "schema_source": {
        SchemaSource.REGISTRY: "A schema registry",
        SchemaSource.SET: "Schemas given here",
    },
    "registry_auth": {
        RegistryAuth.NONE: "None",
        RegistryAuth.BASIC: "User name and password",
        RegistryAuth.BEARER: "Bearer token",
    },
    "tenancy": {
        Tenancy.MULTI: "Many hosts: the key is the host",
        Tenancy.SINGLE: "One host: the key is the user",
    },
    "subject_strategy": {
        SubjectStrategy.RECORD: "Record (the type's full name)",
        SubjectStrategy.TOPIC: "Topic (topic-value)",
        SubjectStrategy.TOPIC_RECORD: "Topic and record",
    },
    "consumers_read": {"committed": "Committed records only", "uncommitted": "Uncommitted records too"},
}
SASL = {Security.SASL_PLAIN, Security.SASL_SCRAM_256, Security.SASL_SCRAM_512}
LEAST_APPROVERS, MOST_APPROVERS = 1, 9
RESERVED_NAMES = {"new"}  # environments/new/ is the page that makes one
GIVE_AGAIN = "The address has changed: give this again, so that it is not sent to where it was not meant for."


if TYPE_CHECKING:
    _ModelForm = forms.ModelForm[Environment]  # a type argument that Django's own class does not take
else:
    _ModelForm = forms.ModelForm


class SecretText(forms.Textarea):
    """A text area that never shows what it was given."""

    def get_context(self, name: str, value: Any, attrs: dict[str, Any] | None) -> dict[str, Any]:
        """Return the context without the value."""
        return super().get_context(name, "", attrs)


class EnvironmentForm(_ModelForm):
    """Takes an environment's settings, and its secrets apart from them.

    `instance` is the environment, or a draft of it, that is being changed. `stored` are its secrets: a blank field
    keeps one. `version` is the environment's version now; a form that was opened at another one is refused with
    everything that was typed still in it (`conflict`).

    Cleaned, `settings` is what is not secret (`settings_before`: what that was) and `secrets` what is. The form never
    saves: an action does that.
    """

    version = forms.IntegerField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = Environment
        fields = [
            "name",
            "order",
            "color",
            "protected",
            "approvers",
            "may_be_source",
            "may_be_target",
            "bootstrap_servers",
            "topic",
            "security",
            "sasl_tls",
            "username",
            "ca_pem",
            "certificate_pem",
            "schema_source",
            "registry_url",
            "registry_auth",
            "registry_username",
            "registry_ca_pem",
            "tenancy",
            "subject_strategy",
            "consumers_read",
        ]
        labels = {
            "order": "Place in the pipeline",
            "color": "Colour",
            "approvers": "Approvers needed",
            "sasl_tls": "SASL runs inside TLS",
            "username": "User name",
            "schema_source": "Schemas from",
            "registry_auth": "Authentication",
            "registry_username": "User name at the registry",
            "consumers_read": "Its consumers read",
        }
        help_texts = {
            "name": "Lower case letters, digits and hyphens: dev, sit, uat ...",
            "order": "A number: dev 10, sit 20, uat 30 ... Lower ones come first.",
            "protected": "Nobody acts alone on it: a replay to it needs an approval.",
            "approvers": "How many people must approve a plan for it, if it is protected: 1 to 9.",
            "bootstrap_servers": "host:port of one broker or more, separated by commas.",
            "topic": "The topic that holds the portal's events.",
            "ca_pem": "Only where the brokers' certificates come from an authority of your own. "
            "Paste the text, from -----BEGIN to END-----.",
            "schema_source": "Without a registry, schemas and their ids are given on a page of their own.",
            "registry_url": "http or https, with the path that /subjects is appended to.",
            "registry_ca_pem": "Only where the registry's certificate comes from an authority of your own.",
            "subject_strategy": "How the producers of this topic name their subjects. Light Portal's own is record.",
            "consumers_read": "isolation.level of those that read this topic. Light Portal's read uncommitted.",
        }
        widgets = {
            name: forms.Textarea(attrs={"rows": 4, "spellcheck": "false", "class": "mono"})
            for name in ("ca_pem", "certificate_pem", "registry_ca_pem")
        }

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        *,
        instance: Environment | None = None,
        stored: Mapping[str, Secret] | None = None,
        version: int | None = None,
    ) -> None:
        super().__init__(data, instance=instance, initial={"version": version})
        self.stored = dict(stored or {})
        self.version_now = version
        self.secrets: dict[str, Secret] = {}
        self.conflict = False
        self.settings_before = settings_of(self.instance)
        for name, labels in LABELS.items():
            self.fields[name].choices = list(labels.items())  # type: ignore[attr-defined]
        self.fields["approvers"].required = self.fields["schema_source"].required = False
        self.fields["registry_url"].required = self._source_now() == SchemaSource.REGISTRY
        self.fields["approvers"].widget.attrs |= {"min": LEAST_APPROVERS, "max": MOST_APPROVERS}
        for name in SECRETS:
            self._add_secret(name)
        for name in ("username", "registry_username"):
            self.fields[name].widget.attrs["autocomplete"] = "off"

    @property
    def settings(self) -> dict[str, Any]:
        """The cleaned values of the model's fields, fit for JSON."""
        return {name: self.cleaned_data[name] for name in self.Meta.fields if name in self.cleaned_data}

    @property
    def typed(self) -> dict[str, Secret]:
        """The secrets that were typed and are whole, also where the rest of the form is wrong."""
        texts = {name: self.cleaned_data.get(name) for name in SECRETS if name not in self.errors}
        return {name: Secret(text) for name, text in texts.items() if text}

    def show(self, problems: Mapping[str, str]) -> None:
        """Show at their fields what a test has found, in a form that nobody has posted yet."""
        self._errors = ErrorDict({name: self.error_class([problem]) for name, problem in problems.items()})

    def say_held(self) -> None:
        """Say at each secret that was typed that it need not be typed again."""
        for name in self.typed:
            self[name].help_text = "What you typed is kept, not yet saved. Leave this blank to use it."

    def clean_name(self) -> str:
        """Refuse what is the address of another page."""
        name = str(self.cleaned_data["name"])
        if name in RESERVED_NAMES:
            raise forms.ValidationError(f"“{name}” is the address of another page. Choose another name.")
        return name

    def clean_approvers(self) -> int:
        """Keep the number where none is given; the database holds to the same limits."""
        given: int | None = self.cleaned_data["approvers"]
        if given is None:
            return int(self.settings_before["approvers"])
        if not LEAST_APPROVERS <= given <= MOST_APPROVERS:
            raise forms.ValidationError(f"Between {LEAST_APPROVERS} and {MOST_APPROVERS} people can be asked for.")
        return given

    def clean_schema_source(self) -> str:
        """Keep the source where none is given."""
        return str(self.cleaned_data["schema_source"] or self.settings_before["schema_source"])

    def clean_bootstrap_servers(self) -> str:
        """Return the list without spaces."""
        return _checked(bootstrap_servers, self.cleaned_data["bootstrap_servers"])

    def clean_topic(self) -> str:
        """Hold to Kafka's rule for names."""
        return _checked(topic_name, self.cleaned_data["topic"])

    def clean_registry_url(self) -> str:
        """Hold to http and https, without credentials inside; empty where it is not needed."""
        given = self.cleaned_data["registry_url"]
        return _checked(registry_url, given) if given else ""

    def clean_ca_pem(self) -> str:
        """Return nothing but the certificates."""
        return self._certificates("ca_pem", "CA certificate")

    def clean_certificate_pem(self) -> str:
        """Return nothing but the certificates."""
        return self._certificates("certificate_pem", "client certificate")

    def clean_registry_ca_pem(self) -> str:
        """Return nothing but the certificates."""
        return self._certificates("registry_ca_pem", "registry's CA certificate")

    def clean(self) -> dict[str, Any]:
        """Check what only several fields together can tell, and put the secrets together."""
        super().clean()
        for name in SECRETS:
            self._take_secret(name)
        self._check_security()
        self._check_registry_auth()
        self._check_addresses()
        self._check_version()
        return self.cleaned_data

    def _source_now(self) -> str:
        """Return the source of schemas that was posted, else the one that was saved."""
        before = self.settings_before["schema_source"]
        return str(self.data.get("schema_source") or before) if self.is_bound else str(before)

    def _add_secret(self, name: str) -> None:
        stored = self.stored.get(name)
        kept = bool(stored and stored.value)
        widget: forms.Widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
        if name == "key_pem":
            widget = SecretText(attrs={"rows": 4, "spellcheck": "false", "autocomplete": "off"})
        self.fields[name] = forms.CharField(
            required=False,
            strip=False,
            max_length=20_000,
            widget=widget,
            label=SECRETS[name][0].upper() + SECRETS[name][1:],
            help_text="One is stored. Leave this blank to keep it; it is never shown."
            if kept
            else "It is never shown again.",
        )
        self.fields[f"{name}_env"] = forms.CharField(
            required=False,
            label=f"Or a variable that holds the {SECRETS[name]}",
            initial=stored.variable if stored else "",
            widget=forms.TextInput(attrs={"placeholder": "PROMOTION_SECRET_...", "autocomplete": "off"}),
            help_text="An environment variable of the workers.",
        )
        if kept:
            self.fields[f"{name}_clear"] = forms.BooleanField(
                required=False, label=f"Remove the stored {SECRETS[name]}"
            )

    def _take_secret(self, name: str) -> None:
        typed, variable = self.cleaned_data.get(name), self.cleaned_data.get(f"{name}_env")
        cleared, stored = self.cleaned_data.get(f"{name}_clear"), self.stored.get(name)
        if typed and variable:
            self.add_error(f"{name}_env", "Give the secret itself or a variable, not both.")
        elif cleared and (typed or variable):
            self.add_error(f"{name}_clear", "Either remove it or give a new one.")
        elif typed:
            self.secrets[name] = Secret(typed)
        elif variable:
            self._take_variable(name, variable)
        elif stored and stored.value and not cleared:
            self.secrets[name] = stored

    def _take_variable(self, name: str, variable: str) -> None:
        try:
            self.secrets[name] = Secret(variable=variable_name(variable))
        except InvalidInput as error:
            self.add_error(f"{name}_env", str(error))

    def _check_security(self) -> None:
        security = self.cleaned_data.get("security")
        if security in SASL:
            self._demand("username", "SASL needs a user name.")
            self._demand_secret("password", "SASL needs a password.")
        if security == Security.MUTUAL_TLS:
            self._demand("certificate_pem", "Mutual TLS needs a client certificate.")
            self._demand_secret("key_pem", "Mutual TLS needs the key of the client certificate.")
        if not self.errors and security:
            self._try_client(Security(security))

    def _try_client(self, security: Security) -> None:
        """Check key and password where both are known here; those of a variable only a worker can see."""
        literal = {name: self.secrets.get(name, Secret()).value for name in ("password", "key_pem", "key_password")}
        if any(self.secrets.get(name, Secret()).variable for name in literal):
            return
        data = self.cleaned_data
        connection = KafkaConnection(
            bootstrap_servers=data["bootstrap_servers"],
            security=security,
            sasl_tls=data["sasl_tls"],
            username=data["username"],
            ca_pem=data["ca_pem"],
            certificate_pem=data["certificate_pem"],
            **literal,
        )
        try:
            client_settings(connection)
        except InvalidInput as error:
            self.add_error("key_pem" if security is Security.MUTUAL_TLS else "password", str(error))

    def _check_registry_auth(self) -> None:
        if self._source_now() != SchemaSource.REGISTRY:
            return
        auth = self.cleaned_data.get("registry_auth")
        if auth == RegistryAuth.BASIC:
            self._demand("registry_username", "Basic authentication needs a user name.")
            if ":" in self.cleaned_data.get("registry_username", ""):
                self.add_error("registry_username", "A user name has no colon.")
            self._demand_secret("registry_password", "Basic authentication needs a password.")
        if auth == RegistryAuth.BEARER:
            self._demand_secret("registry_token", "Bearer authentication needs a token.")

    def _check_addresses(self) -> None:
        """A stored secret goes to no other address than the one that it was given for: it could be a thief's."""
        servers = set(self.cleaned_data.get("bootstrap_servers", "").split(","))
        if "bootstrap_servers" in self.cleaned_data and not servers <= set(
            self.settings_before["bootstrap_servers"].split(",")
        ):
            self._demand_again("password")
        if (
            self.cleaned_data.get("registry_url", self.settings_before["registry_url"])
            != self.settings_before["registry_url"]
        ):
            self._demand_again("registry_password")
            self._demand_again("registry_token")

    def _demand_again(self, name: str) -> None:
        kept = self.secrets.get(name)
        if kept and kept.value and not self.cleaned_data.get(name):
            self.add_error(name, GIVE_AGAIN)

    def _check_version(self) -> None:
        if self.version_now is None or self.cleaned_data.get("version") == self.version_now:
            return
        self.conflict = True
        self.add_error(
            None,
            "Somebody changed this environment while you did. What you typed stands below, and nothing of it is saved; "
            "saving again puts it over theirs.",
        )
        self.data = {name: self.data[name] for name in self.data} | {"version": str(self.version_now)}

    def _demand(self, name: str, message: str) -> None:
        if name not in self.errors and not self.cleaned_data.get(name):
            self.add_error(name, message)

    def _demand_secret(self, name: str, message: str) -> None:
        if not self.secrets.get(name) and not {name, f"{name}_env", f"{name}_clear"} & set(self.errors):
            self.add_error(name, message)

    def _certificates(self, field: str, name: str) -> str:
        text = str(self.cleaned_data[field]).strip()
        return _checked(lambda pem: certificates_pem(name, pem), text) if text else ""


def settings_of(environment: Environment) -> dict[str, Any]:
    """Return what is not secret of an environment's settings, by the names of the model's fields, fit for JSON."""
    return model_to_dict(environment, fields=EnvironmentForm.Meta.fields)


def _checked(check: Callable[[str], str], text: str) -> str:
    try:
        return check(text)
    except InvalidInput as error:
        raise forms.ValidationError(str(error)) from None
