# The image that the web and worker services of docker-compose.yml share: locked packages, a user without rights.
FROM python:3.13.7-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/flowapp
ENV PATH=/opt/flowapp/bin:$PATH
WORKDIR /src
COPY requirements/app.txt requirements/build.txt requirements/
RUN pip install --require-hashes -r requirements/app.txt -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY flowapp flowapp
COPY approvals approvals
COPY agents agents
COPY taskboard taskboard
COPY templates templates
COPY static static
RUN pip install --no-deps --no-build-isolation . && python -m compileall -q /opt/flowapp

FROM python:3.13.7-slim-bookworm
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/flowapp flowapp
COPY --from=build /opt/flowapp /opt/flowapp
ENV PATH=/opt/flowapp/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    DJANGO_SETTINGS_MODULE=flowapp.settings \
    FLOWAPP_HOME=/var/lib/flowapp
USER flowapp
WORKDIR /var/lib/flowapp
EXPOSE 8288
CMD ["uvicorn", "flowapp.asgi:application", "--host", "0.0.0.0", "--port", "8288", \
     "--lifespan", "off", "--timeout-graceful-shutdown", "3"]
