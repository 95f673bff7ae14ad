# The gateway and both services in one image; the command chooses.
#   docker run --rm -v ./config:/etc/bookgate -v bookgate:/var/lib/bookgate bookgate \
#     bookgate init --config /etc/bookgate/gateway.yaml --state /var/lib/bookgate --listen 0.0.0.0:8080 ...
#   docker run --stop-timeout 25 -v ./config:/etc/bookgate:ro -v bookgate:/var/lib/bookgate -p 8080:8080 bookgate
#   docker run ... bookgate bookgate-storage run ...
FROM python:3.11-slim AS build
WORKDIR /build
COPY requirements-build.txt requirements.txt ./
RUN python -m venv /opt/bookgate && python -m venv /build/tools \
    && /build/tools/bin/pip install --no-cache-dir --require-hashes -r requirements-build.txt \
    && /opt/bookgate/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY . .
RUN /build/tools/bin/pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir /build/wheels . \
    && /opt/bookgate/bin/pip install --no-cache-dir --no-deps --no-index /build/wheels/*.whl

FROM python:3.11-slim
RUN useradd --system --uid 10001 --home-dir /var/lib/bookgate --create-home bookgate
COPY --from=build /opt/bookgate /opt/bookgate
ENV PATH=/opt/bookgate/bin:$PATH PYTHONUNBUFFERED=1
USER bookgate
WORKDIR /var/lib/bookgate
VOLUME /var/lib/bookgate
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=15s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:9090/health/ready', timeout=2)"]
CMD ["bookgate", "run", "--config", "/etc/bookgate/gateway.yaml"]
