"""Injects failures into a real site according to a schedule, and checks that nothing is lost or counted twice."""
