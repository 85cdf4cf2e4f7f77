"""Why init() refuses the protocol grpc where its exporter is not installed: print it."""

import sys

import spanhouse

vars(sys)["modules"]["opentelemetry.exporter.otlp.proto.grpc"] = None
try:
    spanhouse.init(protocol="grpc", instrument=False)
except spanhouse.SpanhouseError as error:
    print(error)
