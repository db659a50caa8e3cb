# An image with its model: docker build -f deploy/bundle.Dockerfile -t scorepool-news FOLDER, which has the bundle in it.
ARG SCOREPOOL=scorepool
FROM ${SCOREPOOL}
COPY bundle /bundle
