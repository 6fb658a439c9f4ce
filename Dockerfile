# The same targets as on any machine: `docker run farview make demo`, `docker run farview make test`.
FROM python:3.11-slim
ARG PIP_ARGS=""
ENV PIP_ARGS=${PIP_ARGS} FARVIEW_DATABASE_URL=sqlite:////data/farview.db
RUN apt-get update && apt-get install --yes --no-install-recommends make && rm -rf /var/lib/apt/lists/*
WORKDIR /farview
COPY . .
RUN make .venv/.runtime
VOLUME /data
EXPOSE 50051
CMD ["make", "serve"]
