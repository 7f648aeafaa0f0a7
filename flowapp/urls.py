"""Which room answers where."""

from django.urls import include, path

from flowapp.rest.api import api

handler404 = "flowapp.http.problems.not_found"
handler500 = "flowapp.http.problems.broken"

urlpatterns = [
    path("", include("flowapp.http.urls")),
    path("accounts/", include("allauth.urls")),
    path("v1/", api.urls),
    path("inbox/", include("approvals.urls")),
    path("", include("flowapp.web.urls")),
]
