"""The gRPC service ``bayplan.v1``, for our own clients; kube-scheduler only ever speaks HTTP.

``rooms`` is what clients have committed and ``feed`` what is told of decisions: state machines
without I/O. ``answers`` has what is asked of the owner of the live state, ``snapshots`` that state
in parts. ``servicer`` has the methods, ``handlers`` makes them calls of gRPC, ``gate`` lets only
clients pass that are named, ``credentials`` has the certificates, ``server`` the port. The service
as a file, and a client, are in ``extender.remote``.
"""
