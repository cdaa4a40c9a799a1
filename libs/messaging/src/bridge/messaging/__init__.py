"""The only home of aiokafka: batch consumer, batch producer, topic admin."""
