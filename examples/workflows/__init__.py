"""The examples' workflows; importing them registers them."""

from . import daily_report, follow_up, invoices, orders

__all__ = ["daily_report", "follow_up", "invoices", "orders"]
