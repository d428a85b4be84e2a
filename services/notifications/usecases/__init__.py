"""`notifier` records notifications of events; `reading` serves an inbox; `live` wakes its open streams."""
