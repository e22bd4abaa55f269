#!/usr/bin/env bash
# One pill, front and back, over gRPC with grpcurl:   examples/identify_grpcurl.sh [HOST:PORT]
# The service describes itself by reflection, so no .proto file is needed. Bytes travel as base64 in JSON.
set -euo pipefail
service=${1:-127.0.0.1:50051}
here=$(cd "$(dirname "$0")" && pwd)
base64_of() { base64 <"$1" | tr -d '\n'; }

grpcurl -plaintext -max-time 10 -d @ "$service" rxvision.v1.MedicationIdentification/PredictMedication <<JSON
{
  "image_data": "$(base64_of "$here/front.jpg")",
  "back_image_data": "$(base64_of "$here/back.jpg")",
  "metadata": {"imprint": "93;5126", "color": "PINK", "shape": "TRIANGLE"}
}
JSON
