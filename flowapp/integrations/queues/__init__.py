"""Queues of other systems whose messages become events: Redis streams, and whatever kombu speaks to, such as AMQP."""
