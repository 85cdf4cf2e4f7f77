"""Programs that tests run in processes of their own, with arguments: OpenTelemetry is set up once a process.

Each turns instrumentors off unless it is about them: those that are installed here take seconds to load.
"""
