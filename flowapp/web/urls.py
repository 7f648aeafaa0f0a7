"""Where the web room's pages are."""

from django.urls import path

from flowapp.web import home, runs, workflows

urlpatterns = [
    path("", home.home, name="home"),
    path("theme", home.theme, name="theme"),
    path("nav-counts", home.nav_counts, name="nav-counts"),
    path("runs/", runs.run_list, name="runs"),
    path("runs/<uuid:run_id>/", runs.run_page, name="run"),
    path("runs/<uuid:run_id>/steps/", runs.run_steps, name="run-steps"),
    path("runs/<uuid:run_id>/<slug:verb>", runs.run_verb, name="run-verb"),
    path("workflows/", workflows.workflow_list, name="workflows"),
    path("workflows/<str:name>/", workflows.workflow_page, name="workflow"),
    path("workflows/<str:name>/start", workflows.start, name="workflow-start"),
]
