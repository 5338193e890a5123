"""The tab in other people's web UIs: starts the sidecar with the host and forwards to it."""
