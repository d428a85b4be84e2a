"""The main job, run to its end from outside: HTTP, Kafka and the live stream, as any integrator sees the network."""
