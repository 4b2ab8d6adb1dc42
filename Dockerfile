# The server in a container. compose.yaml uses it, and docs/how-to/install.md says how. tests/packaging/chroot.py carries it out.

FROM python:3.13-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY trio_chat ./trio_chat
RUN python3 -m venv /opt/trio-chat && \
    /opt/trio-chat/bin/python -m pip install --no-cache-dir '.[speed]' && \
    /opt/trio-chat/bin/python -m pip uninstall --yes pip

FROM python:3.13-slim
COPY --from=build /opt/trio-chat /opt/trio-chat
RUN groupadd --gid 10001 chat && \
    useradd --uid 10001 --gid chat --home-dir /data --no-create-home --shell /usr/sbin/nologin chat && \
    install --directory --owner chat --group chat --mode 0700 /data
ENV PATH=/opt/trio-chat/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    TRIO_CHAT_HOST=0.0.0.0 \
    TRIO_CHAT_DATA=/data
USER 10001:10001
WORKDIR /data
VOLUME /data
EXPOSE 8765
STOPSIGNAL SIGTERM
# It asks through the data directory, so TLS, a proxy or another port do not concern it.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s CMD ["trio-chat", "admin", "health"]
ENTRYPOINT ["trio-chat"]
CMD ["serve"]
