"""The only importer of the Kafka client: settings, cluster, reader, writer and registry."""
