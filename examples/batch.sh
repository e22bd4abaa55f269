#!/usr/bin/env bash
# A large job over REST with curl: upload a ZIP, wait, print the table of answers as CSV.
#     examples/batch.sh PICTURES.zip [http://HOST:PORT]
# PICTURES.zip may hold manifest.csv with the columns image, image_back, imprint, color, shape, size_mm.
set -euo pipefail
archive=$1
service=${2:-http://127.0.0.1:3000}
field() { sed -E "s/.*\"$1\":\"?([^\",}]*).*/\1/"; }

job=$(curl --silent --show-error --fail-with-body --header 'Content-Type: application/zip' \
    --data-binary "@$archive" "$service/api/v1/batches" | field batch_id)
for _ in $(seq 600); do
    state=$(curl --silent --show-error --fail-with-body "$service/api/v1/batches/$job" | field state)
    case $state in
        finished) break ;;
        failed) echo "the batch $job failed" >&2; exit 1 ;;
    esac
    sleep 0.5
done
curl --silent --show-error --fail-with-body "$service/api/v1/batches/$job/results?format=csv"
