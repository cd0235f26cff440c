"""Forecasts of moves: the control service asks the agent of the source."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from pyrsistent import PMap
from twisted.internet.defer import Deferred, TimeoutError
from twisted.internet.interfaces import IReactorTime
from twisted.protocols import amp

from flocker_lite.errors import FlockerError
from flocker_lite.model import codec
from flocker_lite.model.records import Move
from flocker_lite.model.state import Forecast
from flocker_lite.protocol.link import DISCONNECTED, Link

FORECAST_SECONDS_MAX = 20.0

MakeForecast: TypeAlias = Callable[[Move, PMap[str, float], str], Awaitable[Forecast]]
"""Makes the forecast of a move, given the seconds of the steps of its pause that are fixed.

The last argument is the address of the destination, which the source may not know yet.
"""


class NoForecast(FlockerError):
    """The agent cannot forecast the move; the text says why, and what to do."""


class ForecastMove(amp.Command):
    """Asks for the forecast of a move; `move` and `forecast` are records as JSON text.

    `pause_costs` is a JSON object with the seconds of each step of the pause that does not depend
    on the bytes sent.
    """

    arguments = [
        (b"move", amp.Unicode()),
        (b"pause_costs", amp.Unicode()),
        (b"address", amp.Unicode()),
    ]
    response = [(b"forecast", amp.Unicode())]
    errors = {NoForecast: b"NO_FORECAST"}


async def ask(
    link: Link, clock: IReactorTime, move: Move, pause_costs: PMap[str, float], address: str
) -> Forecast:
    """The forecast of the agent at the other end; NoForecast if it gives none in time."""
    asking: Deferred[Any] = link.callRemote(
        ForecastMove,
        move=codec.dumps(move),
        pause_costs=json.dumps(dict(pause_costs)),
        address=address,
    )
    try:
        answer = await asking.addTimeout(FORECAST_SECONDS_MAX, clock)
        return codec.loads(Forecast, answer["forecast"])
    except TimeoutError:
        reason = f"it did not answer within {FORECAST_SECONDS_MAX:g} s: ask again later"
    except DISCONNECTED:
        reason = "it disconnected meanwhile: ask again when it is back"
    except NoForecast as error:
        reason = str(error)
    except amp.UnhandledCommand:
        reason = "its release does not know forecasts: upgrade it"
    except (amp.RemoteAmpError, codec.CodecError) as error:
        reason = f"{error}: see its log"
    raise NoForecast(f"The agent of the source cannot forecast the move: {reason}.")


class ForecastingLink(Link):
    """An agent's end of a connection, which makes forecasts with `make_forecast`."""

    make_forecast: MakeForecast | None = None

    @ForecastMove.responder
    def forecast_move(self, move: str, pause_costs: str, address: str) -> Deferred[dict[str, str]]:
        async def answer() -> dict[str, str]:
            if self.make_forecast is None:
                raise NoForecast("it is still starting")
            costs = codec.from_json(PMap[str, float], json.loads(pause_costs))
            forecast = await self.make_forecast(codec.loads(Move, move), costs, address)
            return {"forecast": codec.dumps(forecast)}

        return self.answering(answer(), NoForecast, "a forecast failed")
