"""The addresses of the inbox, and those of the policies."""

from django.urls import path

from approvals import views
from approvals.views import bulk, by_link, claims, downloads, filters, notifications, policies, reports

urlpatterns = [
    path("", views.inbox, name="inbox"),
    path("bulk", bulk.bulk, name="inbox-bulk"),
    path("filters", filters.save, name="filter-save"),
    path("filters/<uuid:filter_id>/rename", filters.rename, name="filter-rename"),
    path("filters/<uuid:filter_id>/delete", filters.delete, name="filter-delete"),
    path("<uuid:prompt_id>/", views.prompt, name="prompt"),
    path("<uuid:prompt_id>/files/<uuid:attachment_id>", downloads.attachment, name="prompt-file"),
    path("<uuid:prompt_id>/decide", views.decide, name="prompt-decide"),
    path("<uuid:prompt_id>/claim", claims.claim, name="prompt-claim"),
    path("<uuid:prompt_id>/release", claims.release, name="prompt-release"),
    path("<uuid:prompt_id>/rescind", claims.rescind, name="prompt-rescind"),
    path("<uuid:prompt_id>/reassign", claims.reassign, name="prompt-reassign"),
    path("<uuid:prompt_id>/withdraw", claims.withdraw, name="prompt-withdraw"),
]

# Beside the inbox: what a member is told, and the page that a mail's link opens.
channel_patterns = [
    path("notifications/", notifications.notifications, name="notifications"),
    path("notifications/slack", notifications.link_slack, name="slack-link"),
    path("decide/<str:token>/", by_link.decide, name="decide-by-link"),
]

policy_patterns = [
    path("", policies.policy_list, name="policies"),
    path("new", policies.policy_new, name="policy-new"),
    path("<uuid:policy_id>/", policies.policy, name="policy"),
    path("<uuid:policy_id>/turn", policies.policy_turn, name="policy-turn"),
    path("<uuid:policy_id>/move", policies.policy_move, name="policy-move"),
]

# How deciding goes.
report_patterns = [
    path("approvals/", reports.page, name="reports"),
    path("approvals/csv", reports.download, name="report-csv"),
]
