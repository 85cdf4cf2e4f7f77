"""Grafana dashboards as code: empty until the dashboards are built."""
