        self,
        ground: Ground,
        stage: Stage,
        results: Results,
        wanted: set[str],
        kcat: Kcat | None,
        jq: str | None,
    ) -> None:
        self._ground, self._stage, self._results, self._wanted = ground, stage, results, wanted
