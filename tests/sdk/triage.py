"""A triage of two files."""

from spanhouse.outputs import (
    ComplexityAssessment,
    DomainScore,
    ExtractedEntity,
    FileGrouping,
    FileSummary,
    TriageFileResult,
    TriageOutput,
)


def file(file_id: str, *scores: DomainScore, entities: list[ExtractedEntity] | None = None) -> TriageFileResult:
    """What is said of a file."""
    return TriageFileResult(
        file_id=file_id,
        file_name=f"{file_id}.pdf",
        domain_scores=list(scores),
        entities=entities or [],
        summary=FileSummary(short="A lease.", detailed="A lease of ten years.", key_points=["ten years", "no exit"]),
        complexity=ComplexityAssessment(level="high", score=8, reasons=["long"], recommended_strategy="split"),
    )


TRIAGE = TriageOutput(
    files=[
        file(
            "f-1",
            DomainScore(domain="legal", score=0.75, reasoning="a contract"),
            DomainScore(domain="finance", score=0, reasoning="no amounts"),
            entities=[
                ExtractedEntity(type="person", value="Ann", confidence=1, location="page 1"),
                ExtractedEntity(type="date", value="2026-01-01", confidence=0.5),
            ],
        ),
        file("f-2", DomainScore(domain="legal", score=0.25, reasoning="mentions one")),
    ],
    groupings=[FileGrouping(name="leases", file_ids=["f-1", "f-2"], reason="the same house")],
)
