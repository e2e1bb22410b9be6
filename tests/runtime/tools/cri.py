#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A small kubelet: one call of the Container Runtime Interface to a runtime's socket.

Usage: cri.py SOCKET METHOD < request.json
METHOD is one of RuntimeService's that cri.proto has the messages of, as RunPodSandbox. The answer
is printed as JSON, with the names of the fields as in the .proto. Exit status 1 and the runtime's
words on standard error if it refuses.
"""
import sys

import cri_pb2
import grpc
from google.protobuf import json_format

# As kubelet's --runtime-request-timeout.
SECONDS = 120


def main() -> None:
    socket, method = sys.argv[1:]
    request = getattr(cri_pb2, method + "Request")
    response = getattr(cri_pb2, method + "Response")
    with grpc.insecure_channel("unix://" + socket) as channel:
        call = channel.unary_unary(
            "/runtime.v1.RuntimeService/" + method,
            request_serializer=request.SerializeToString,
            response_deserializer=response.FromString,
        )
        try:
            # The runtime may still be starting.
            answer = call(
                json_format.Parse(sys.stdin.read(), request()), timeout=SECONDS, wait_for_ready=True
            )
        except grpc.RpcError as error:
            sys.exit(error.details())
    print(json_format.MessageToJson(answer, preserving_proto_field_name=True))


if __name__ == "__main__":
    main()
