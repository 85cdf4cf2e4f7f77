-- What counts, with what it cost: its tokens at the prices of its time, and what its span reports, which wins. CostSources is what
-- that was read from, as bits: 1 reported, 2 computed, 4 no price, 8 a price for some of its tokens only.
SELECT
    * EXCEPT (Prices, Price, Whole, Used, Missing, IsPriced, Sum),
    if(IsPriced, Sum / 1000000, NULL) AS ComputedCostUSD,
    if(isNotNull(ReportedCostUSD), ReportedCostUSD, ComputedCostUSD) AS CostUSD,
    multiIf(isNotNull(ReportedCostUSD), 1, NOT HasUsage, 0, NOT IsPriced, 4, Missing > 0, 8, 2) AS CostSources
FROM
(
    SELECT
        *,
        ifNull(Usage.1, 0) + ifNull(Usage.2, 0) + ifNull(Usage.3, 0) AS Whole,
        intDiv(toUnixTimestamp64Nano(StartedAt), 1000000000) AS Second,
        positiveModulo(Second, 86400) AS SecondOfDay,
        arrayLast(
            price -> price.ValidFrom <= Second
                AND (price.AboveTokens = 0 OR price.AboveTokens < Whole)
                AND if(price.FromSecond <= price.UntilSecond,
                    SecondOfDay >= price.FromSecond AND SecondOfDay < price.UntilSecond,
                    SecondOfDay >= price.FromSecond OR SecondOfDay < price.UntilSecond),
            Prices
        ) AS Price,
        (IsRun OR CountedKind IN ('model', 'embedding')) AND isNotNull(coalesce(Usage.1, Usage.2, Usage.3, Usage.4, Usage.5)) AS HasUsage,
        (ifNull(Usage.1, 0) > 0) + (ifNull(Usage.2, 0) > 0) + (ifNull(Usage.3, 0) > 0) + (ifNull(Usage.4, 0) > 0) + (ifNull(Usage.5, 0) > 0) AS Used,
        (ifNull(Usage.1, 0) > 0 AND isNull(Price.Input)) + (ifNull(Usage.2, 0) > 0 AND isNull(Price.CacheRead))
            + (ifNull(Usage.3, 0) > 0 AND isNull(Price.CacheWrite)) + (ifNull(Usage.4, 0) > 0 AND isNull(Price.Output))
            + (ifNull(Usage.5, 0) > 0 AND isNull(Price.Reasoning)) AS Missing,
        HasUsage AND isNotNull(coalesce(Price.Input, Price.CacheRead, Price.CacheWrite, Price.Output, Price.Reasoning))
            AND (Used = 0 OR Missing < Used) AS IsPriced,
        toDecimal128(ifNull(Usage.1, 0), 0) * ifNull(Price.Input, 0) + toDecimal128(ifNull(Usage.2, 0), 0) * ifNull(Price.CacheRead, 0)
            + toDecimal128(ifNull(Usage.3, 0), 0) * ifNull(Price.CacheWrite, 0) + toDecimal128(ifNull(Usage.4, 0), 0) * ifNull(Price.Output, 0)
            + toDecimal128(ifNull(Usage.5, 0), 0) * ifNull(Price.Reasoning, 0) AS Sum
    FROM (SELECT *, if(notEmpty(ResponseModel), ResponseModel, RequestModel) AS Model FROM counted) AS counted
    LEFT ANY JOIN
    (
        SELECT
            tenant_id AS TenantId, provider AS Provider, model AS Model,
            arraySort(
                price -> (price.1, price.2, price.3, price.6),
                groupArray(CAST(
                    (source = 'user', position, toInt64(toUnixTimestamp(valid_from)), from_second, until_second, above_tokens,
                        input_usd_per_mtok, cache_read_usd_per_mtok, cache_write_usd_per_mtok, output_usd_per_mtok, reasoning_usd_per_mtok),
                    'Tuple(IsUsers UInt8, Position UInt32, ValidFrom Int64, FromSecond UInt32, UntilSecond UInt32, AboveTokens UInt64,
                        Input Nullable(Decimal(18, 12)), CacheRead Nullable(Decimal(18, 12)), CacheWrite Nullable(Decimal(18, 12)), Output Nullable(Decimal(18, 12)), Reasoning Nullable(Decimal(18, 12)))'
                ))
            ) AS Prices
        FROM spanhouse.model_prices FINAL
        WHERE (tenant_id, provider, model) IN (SELECT TenantId, Provider, if(notEmpty(ResponseModel), ResponseModel, RequestModel) FROM counted)
        GROUP BY tenant_id, provider, model
    ) AS price USING (TenantId, Provider, Model)
);
