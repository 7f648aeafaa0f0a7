"""Tells Django about the task board."""

from django.apps import AppConfig


class TaskboardConfig(AppConfig):
    name = "taskboard"
