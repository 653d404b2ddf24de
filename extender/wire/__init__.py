"""The bodies that kube-scheduler and its extenders exchange, as JSON over HTTP.

``types`` has what stands in them, ``decoding`` reads them, ``casing`` reads those whose keys are
written in another case, ``encoding`` writes the replies.

Source: ``k8s.io/kube-scheduler/extender/v1`` (types.go). The types there have no JSON tags: Go
writes the names of the fields (``NodeNames``), and reads them in any case.
"""
