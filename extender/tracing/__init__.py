"""OpenTelemetry spans of what a pod is answered; loaded only where ``tracing.on`` is true."""
