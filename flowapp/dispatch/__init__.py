"""How work reaches a worker: immediate (tests), embedded (threads of this process, no broker), celery."""
