"""What a person can do next, over HTTP."""

from collections.abc import Sequence
from datetime import datetime

from fastapi import APIRouter
from pydantic import BaseModel, Field

from services.mentorships.tasks.domain import Task
from services.mentorships.tasks.usecases import Tasks, TaskUseCases
from shared.http import SignedIn, problems, router


class TasksRead(BaseModel):
    mentorship: str
    tasks: Sequence[Task] = Field(description="The most urgent first; `wait_…`: it is the other person's turn")
    next_meeting_at: datetime | None = Field(default=None, description="By what the two have agreed")


class TasksList(BaseModel):
    items: Sequence[TasksRead]


def tasks_router(tasks: TaskUseCases) -> APIRouter:
    routes = router(tags=["mentorships"])

    @routes.get("/me/tasks", response_model_exclude_none=True, responses=problems(404))
    async def my_tasks(me: SignedIn) -> TasksList:
        """By mentorship, of the newest hundred."""
        return TasksList(items=[tasks_read(found) for found in await tasks.mine(me)])

    return routes


def tasks_read(found: Tasks) -> TasksRead:
    return TasksRead(mentorship=found.mentorship, tasks=found.tasks, next_meeting_at=found.next_meeting_at)
