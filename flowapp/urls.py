"""Which room answers where."""

from django.urls import include, path

from approvals.urls import channel_patterns, policy_patterns, report_patterns
from flowapp.rest.api import api
from flowapp.rest.hooks import hook

handler400 = "flowapp.http.problems.unreadable"
handler404 = "flowapp.http.problems.not_found"
handler500 = "flowapp.http.problems.broken"

urlpatterns = [
    path("", include("flowapp.http.urls")),
    path("accounts/", include("allauth.urls")),
    path("v1/", api.urls),
    path("hooks/<slug:slug>", hook, name="hook"),
    path("inbox/", include("approvals.urls")),
    path("", include(channel_patterns)),
    path("slack/", include("flowapp.rest.slack")),
    path("policies/", include(policy_patterns)),
    path("reports/", include(report_patterns)),
    path("", include("flowapp.web.urls")),
]
