"""The inbox's addresses."""

from django.urls import path

from approvals import views
from approvals.views import claims

urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("<uuid:prompt_id>/", views.prompt, name="prompt"),
    path("<uuid:prompt_id>/decide", views.decide, name="prompt-decide"),
    path("<uuid:prompt_id>/claim", claims.claim, name="prompt-claim"),
    path("<uuid:prompt_id>/release", claims.release, name="prompt-release"),
    path("<uuid:prompt_id>/rescind", claims.rescind, name="prompt-rescind"),
    path("<uuid:prompt_id>/reassign", claims.reassign, name="prompt-reassign"),
]
