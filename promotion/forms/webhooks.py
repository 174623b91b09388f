"""The form that sets up a webhook."""

from __future__ import annotations

from django import forms

from promotion.domain.webhook import MOST_ADDRESS, checked_address
from promotion.errors import InvalidInput
from promotion.models import Webhook


class WebhookForm(forms.Form):
    """How a webhook is called, and where it is."""

    name = forms.CharField(max_length=100, help_text="Whom it tells: a chat, a pipeline, a ticket system.")
    url = forms.CharField(
        max_length=MOST_ADDRESS,
        label="Address",
        widget=forms.URLInput(attrs={"placeholder": "https://hooks.example.org/promotions"}),
        help_text="The end of every job of a promotion is posted there. Redirects are not followed.",
    )

    def clean_name(self) -> str:
        """Return the name; no other webhook has it."""
        name = str(self.cleaned_data["name"])
        if Webhook.objects.filter(name=name).exists():
            raise forms.ValidationError("There is a webhook of this name. Choose another one.")
        return name

    def clean_url(self) -> str:
        """Return the address."""
        try:
            return checked_address(self.cleaned_data["url"])
        except InvalidInput as error:
            raise forms.ValidationError(str(error)) from error
