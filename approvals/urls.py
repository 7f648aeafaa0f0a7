"""The inbox's addresses."""

from django.urls import path

from approvals import views

urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("<uuid:prompt_id>/", views.prompt, name="prompt"),
    path("<uuid:prompt_id>/decide", views.decide, name="prompt-decide"),
]
