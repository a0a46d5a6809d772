#!/bin/sh
# Tests the server against its OpenAPI document with schemathesis, by requests that follow the schemas and requests that violate them.
# No response may be an internal error or differ from the document. Needs `pip install schemathesis`.
set -eu
cd "$(dirname "$0")/.."
output=$(mktemp -d)
node bin/emotion2vec.js serve --port 7869 --output "$output" --log-level warn &
server=$!
trap 'kill $server; wait $server; rm -rf "$output"' EXIT
for _ in 1 2 3 4 5 6 7 8 9 10; do
  sleep 1
  node -e "fetch('http://127.0.0.1:7869/v2/health/live').then(() => 0, () => process.exit(1))" && break
done
cd "$output" # schemathesis writes its findings to the current folder
${SCHEMATHESIS:-schemathesis} run http://127.0.0.1:7869/openapi.json --max-examples "${EXAMPLES:-100}" \
  --phases examples,coverage,fuzzing \
  --checks not_a_server_error,response_schema_conformance,status_code_conformance,content_type_conformance
