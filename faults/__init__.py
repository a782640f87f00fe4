"""Injects failures into a real site by a schedule, and checks that nothing is lost or counted twice."""
