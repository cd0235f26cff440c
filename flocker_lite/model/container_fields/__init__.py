"""What users say of a container, area by area: records, schemas, JSON and descriptions."""
